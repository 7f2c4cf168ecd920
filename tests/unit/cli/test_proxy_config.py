"""`proxy-config` shows with istioctl's columns what one Envoy holds."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ostria.cli.proxy_config import clusters, endpoints, listeners, routes, secrets
from ostria.cli.proxy_config.table import render

REVIEWS = "reviews.default.svc.cluster.local"


class TestClusters:
    def test_columns_are_istioctls(self):
        assert clusters.HEADER == ("SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE")

    def test_a_cluster_is_a_service_port_and_subset_with_its_destination_rule(self, config_dump):
        found = list(clusters.rows(config_dump))
        assert (REVIEWS, "9080", "v1", "outbound", "EDS", "reviews.default") in found
        assert (REVIEWS, "9080", "-", "outbound", "EDS", "") in found

    def test_other_names_stand_as_they_are(self, config_dump):
        found = list(clusters.rows(config_dump))
        assert ("PassthroughCluster", "-", "-", "-", "ORIGINAL_DST", "") in found
        assert ("xds-grpc", "-", "-", "-", "STATIC", "") in found
        assert ("", "9080", "-", "inbound", "ORIGINAL_DST", "") in found
        assert ("www.example.com", "443", "-", "outbound", "envoy.clusters.dns", "") in found

    @pytest.mark.parametrize(
        ("wanted", "count"),
        [
            ({"fqdn": REVIEWS}, 2),
            ({"fqdn": REVIEWS, "subset": "v1"}, 1),
            ({"port": "9080"}, 3),
            ({"direction": "inbound"}, 1),
            ({"port": "1"}, 0),
        ],
    )
    def test_flags_narrow_it_down(self, config_dump, wanted, count):
        assert len(list(clusters.rows(config_dump, **wanted))) == count

    def test_rows_are_sorted_by_host(self, config_dump):
        hosts = [row[0] for row in clusters.rows(config_dump)]
        assert hosts == sorted(hosts)


class TestListeners:
    def test_columns_are_istioctls(self):
        assert listeners.HEADER == ("ADDRESSES", "PORT", "MATCH", "DESTINATION")

    def test_every_filter_chain_has_a_row_with_its_destination(self, config_dump):
        found = list(listeners.rows(config_dump))
        assert ("0.0.0.0", "9080", "Trans: raw_buffer; App: http/1.1,h2c", "Route: 9080") in found
        assert ("0.0.0.0", "9080", "ALL", "Cluster: PassthroughCluster") in found
        assert ("0.0.0.0", "15021", "ALL", "Cluster: agent") in found
        assert ("0.0.0.0", "15006", "Addr: 10.0.0.0/8", "Non-HTTP/Non-TCP") in found

    def test_weighted_clusters_and_all_addresses_are_named(self, config_dump):
        (row,) = listeners.rows(config_dump, port="3306")
        assert row[0] == "10.96.0.7,fd00::7"
        assert row[3] == "Cluster: outbound|3306|a|db.default.svc.cluster.local,outbound|3306|b|db.default.svc.cluster.local"

    def test_an_inbound_chain_tells_names_transport_protocols_and_port(self, config_dump):
        (row,) = [row for row in listeners.rows(config_dump, port="15006") if "inbound|9080||" in row[3]]
        assert row[2] == (f"SNI: outbound_.9080_._.{REVIEWS}; Trans: tls; App: istio,istio-peer-exchange,istio-http/1.1; Addr: *:9080")

    def test_rows_are_sorted_by_port(self, config_dump):
        ports = [int(row[1]) for row in listeners.rows(config_dump)]
        assert ports == sorted(ports)

    def test_an_address_narrows_it_down(self, config_dump):
        assert len(list(listeners.rows(config_dump, address="fd00::7"))) == 1


class TestRoutes:
    def test_columns_are_istioctls(self):
        assert routes.HEADER == ("NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE")

    def test_a_route_has_its_match_and_its_virtual_service(self, config_dump):
        found = [row[3:] for row in routes.rows(config_dump, "9080")]
        assert found == [
            ("/* (headers end-user)", "reviews.default"),
            ("/old", "redirect"),
            ("regex /v[0-9]+/.*", "503"),
            ("/api/*", ""),
            ("/*", "404"),
        ]

    def test_domains_are_shortened_after_the_second(self, config_dump):
        assert next(routes.rows(config_dump, "9080"))[2] == "reviews, reviews.default + 2 more..."

    def test_all_route_configurations_are_shown_by_name(self, config_dump):
        assert list(dict.fromkeys(row[0] for row in routes.rows(config_dump))) == ["9080", "inbound|9080||"]

    def test_a_virtual_host_that_came_by_itself_is_shown_by_its_own_name(self):
        host = {"name": "9080/reviews:9080", "domains": ["reviews"], "routes": []}
        part = {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump"}
        dump = {"configs": [{**part, "dynamic_route_configs": [{"route_config": {"name": "9080", "virtual_hosts": [host]}}]}]}
        assert [row[:2] for row in routes.rows(dump)] == [("9080", "reviews:9080")]


class TestEndpoints:
    LIVE = {
        "cluster_statuses": [
            {
                "name": f"outbound|9080||{REVIEWS}",
                "host_statuses": [
                    {
                        "address": {"socket_address": {"address": "10.0.0.1", "port_value": 9080}},
                        "health_status": {"eds_health_status": "HEALTHY"},
                    },
                    {
                        "address": {"socket_address": {"address": "fd00::1", "port_value": 9080}},
                        "health_status": {"eds_health_status": "UNHEALTHY", "failed_outlier_check": True},
                    },
                ],
            },
            {
                "name": "agent",
                "host_statuses": [{"address": {"pipe": {"path": "./agent.sock"}}, "health_status": {"eds_health_status": "HEALTHY"}}],
            },
            {"name": "internal", "host_statuses": [{"address": {"envoy_internal_address": {"server_listener_name": "main"}}}]},
            {"name": "empty"},
        ]
    }

    def test_columns_are_istioctls(self):
        assert endpoints.HEADER == ("ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER")

    def test_an_endpoint_has_its_health_and_its_cluster(self):
        assert list(endpoints.rows(self.LIVE)) == [
            ("unix://./agent.sock", "HEALTHY", "OK", "agent"),
            ("envoy://main", "UNKNOWN", "OK", "internal"),
            ("10.0.0.1:9080", "HEALTHY", "OK", f"outbound|9080||{REVIEWS}"),
            ("[fd00::1]:9080", "UNHEALTHY", "FAILED", f"outbound|9080||{REVIEWS}"),
        ]

    @pytest.mark.parametrize(
        ("wanted", "count"),
        [
            ({"address": "fd00::1"}, 1),
            ({"port": "9080"}, 2),
            ({"status": "unhealthy"}, 1),
            ({"cluster": "agent"}, 1),
            ({"cluster": "none"}, 0),
        ],
    )
    def test_flags_narrow_it_down(self, wanted, count):
        assert len(list(endpoints.rows(self.LIVE, **wanted))) == count


class TestSecrets:
    NOW = datetime(2026, 1, 2, tzinfo=UTC)

    def certificate(self, serial: int = 0xABC) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(self.NOW - timedelta(hours=1))
            .not_valid_after(self.NOW + timedelta(hours=23))
            .sign(key, hashes.SHA256())
        )
        return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()

    def dump(self):
        return {
            "configs": [
                {
                    "@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump",
                    "dynamic_active_secrets": [
                        {
                            "name": "default",
                            "secret": {
                                "tls_certificate": {
                                    "certificate_chain": {"inline_bytes": self.certificate()},
                                    "private_key": {"inline_string": "[redacted]"},
                                }
                            },
                        },
                        {"name": "ROOTCA", "secret": {"validation_context": {"trusted_ca": {"inline_bytes": self.certificate(0x1)}}}},
                    ],
                    "dynamic_warming_secrets": [{"name": "kubernetes://web", "secret": {"name": "kubernetes://web"}}],
                }
            ]
        }

    def test_columns_are_istioctls(self):
        assert secrets.HEADER == ("RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE")

    def test_certificates_are_shown_with_their_lives(self):
        assert list(secrets.rows(self.dump(), self.NOW)) == [
            ("default", "Cert Chain", "ACTIVE", "true", "abc", "2026-01-02T23:00:00Z", "2026-01-01T23:00:00Z"),
            ("ROOTCA", "CA", "ACTIVE", "true", "1", "2026-01-02T23:00:00Z", "2026-01-01T23:00:00Z"),
            ("kubernetes://web", "CA", "WARMING", "false", "", "", ""),
        ]

    @pytest.mark.parametrize("hours", [-2, 24])
    def test_a_certificate_outside_its_life_is_not_valid(self, hours):
        assert {row[3] for row in secrets.rows(self.dump(), self.NOW + timedelta(hours=hours))} == {"false"}


class TestTheTable:
    def test_columns_are_as_wide_as_their_widest_cell(self):
        assert render(("A", "LONG"), [("wide cell", "b"), ("c", "")]) == "A            LONG\nwide cell    b\nc"

    def test_without_rows_the_header_stands_alone(self):
        assert render(("A", "B"), []) == "A    B"


class TestTheCommand:
    """Over the control socket: what is asked of which workload, and how it is printed."""

    @pytest.mark.parametrize(("part", "header"), [("cluster", clusters.HEADER), ("clusters", clusters.HEADER), ("listener", listeners.HEADER), ("route", routes.HEADER), ("secret", secrets.HEADER)])  # fmt: skip
    def test_a_part_of_a_workloads_envoy_as_a_table(self, ostria, mesh, config_dump, part, header):
        mesh.pages["/config_dump"] = json.dumps(config_dump)
        said = ostria("proxy-config", part, "deploy/reviews-v1", "-n", "shop")
        assert said.status == 0, said.err
        assert said.lines[0] == list(header)
        (asked,) = mesh.asked
        assert (asked["workload"], asked["namespace"], asked["port"], asked["path"]) == ("deploy/reviews-v1", "shop", 15000, "/config_dump")

    def test_endpoints_come_from_what_envoy_knows_live(self, ostria, mesh):
        mesh.pages["/clusters?format=json"] = json.dumps(TestEndpoints.LIVE)
        said = ostria("proxy-config", "endpoint", "reviews-v1", "--cluster", "agent")
        assert said.lines[1:] == [["unix://./agent.sock", "HEALTHY", "OK", "agent"]]

    def test_json_is_what_envoy_said(self, ostria, mesh, config_dump):
        mesh.pages["/config_dump"] = json.dumps(config_dump)
        assert json.loads(ostria("proxy-config", "route", "reviews-v1", "-o", "json").out) == config_dump["configs"][2]
        assert "sidecar~10.0.0.1" in ostria("proxy-config", "bootstrap", "reviews-v1").out

    def test_all_is_every_table(self, ostria, mesh, config_dump):
        mesh.pages["/config_dump?include_eds"] = json.dumps(config_dump)
        mesh.pages["/clusters?format=json"] = json.dumps(TestEndpoints.LIVE)
        said = ostria("proxy-config", "all", "reviews-v1").out
        for header in ("SERVICE FQDN", "ADDRESSES", "VHOST NAME", "ENDPOINT", "RESOURCE NAME"):
            assert header in said

    def test_levels_of_loggers_are_set(self, ostria, mesh):
        mesh.pages |= {"/logging?level=debug": "all debug\n", "/logging?http=trace": "http trace\n"}
        assert ostria("proxy-config", "log", "reviews-v1", "--level", "debug,http:trace").status == 0
        assert [(asked["method"], asked["path"]) for asked in mesh.asked] == [
            ("POST", "/logging?level=debug"),
            ("POST", "/logging?http=trace"),
        ]

    @pytest.mark.parametrize("level", ["loud", "http:loud", "a&b:debug"])
    def test_a_level_that_is_none_is_wrong_usage(self, ostria, mesh, level):
        assert ostria("proxy-config", "log", "reviews-v1", "--level", level).status == 2

    def test_an_envoy_that_does_not_answer_is_said(self, ostria, mesh):
        said = ostria("proxy-config", "cluster", "reviews-v1")
        assert said.status == 1
        assert "404" in said.err
