"""The server, with standard health checking left to its proxy."""

import os
import socket
import sys
from concurrent import futures

import grpc
from google.protobuf.wrappers_pb2 import StringValue


def echo(request: StringValue, context: grpc.ServicerContext) -> StringValue:
    return StringValue(value=f"{request.value} from {os.environ.get('HOSTNAME') or socket.gethostname()}")


def main(port: int) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(4), maximum_concurrent_rpcs=256)
    method = grpc.unary_unary_rpc_method_handler(echo, StringValue.FromString, StringValue.SerializeToString)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo.Echo", {"Echo": method}),))
    server.add_insecure_port(f"[::]:{port}")
    server.start()
    print(f"grpc-echo listens on port {port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(int(sys.argv[1]))
