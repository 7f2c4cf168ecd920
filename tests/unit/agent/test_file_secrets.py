"""Certificates that stand in the workload's own files."""

from pathlib import Path

from ostria.agent.file_secrets import file_secret

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"


def test_a_certificate_and_its_key(tmp_path: Path) -> None:
    (tmp_path / "chain").write_bytes(CERTIFICATE)
    (tmp_path / "key").write_bytes(KEY)
    name = f"file-cert:{tmp_path}/chain~{tmp_path}/key"
    secret = file_secret(name)
    assert secret is not None
    assert secret.name == name
    assert secret.tls_certificate.private_key.inline_bytes == KEY


def test_roots_from_a_file_or_from_the_machine(tmp_path: Path) -> None:
    (tmp_path / "roots").write_bytes(CERTIFICATE)
    for secret in (file_secret(f"file-root:{tmp_path}/roots"), file_secret("file-root:system", ["/nowhere", f"{tmp_path}/roots"])):
        assert secret is not None
        assert secret.validation_context.trusted_ca.inline_bytes == CERTIFICATE


def test_what_is_not_there_is_absent(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"secrets of somebody else")
    for name in (
        "default",
        "file-root:relative",
        f"file-root:{tmp_path}/none",
        f"file-root:{tmp_path}/other",
        f"file-cert:{tmp_path}/other~",
        "file-cert:",
    ):
        assert file_secret(name) is None
