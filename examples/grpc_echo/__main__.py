"""The server, until SIGTERM or SIGINT; calls in flight are finished."""

import os
import signal
import socket
import sys
import threading
from concurrent import futures

import grpc
from google.protobuf.wrappers_pb2 import StringValue

GRACE_SECONDS = 10


def echo(request: StringValue, context: grpc.ServicerContext) -> StringValue:
    return StringValue(value=f"{request.value} from {os.environ.get('HOSTNAME') or socket.gethostname()}")


def main(port: int) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(4), maximum_concurrent_rpcs=256)
    method = grpc.unary_unary_rpc_method_handler(echo, StringValue.FromString, StringValue.SerializeToString)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo.Echo", {"Echo": method}),))
    bound = server.add_insecure_port(f"[::]:{port}")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    print(f"grpc-echo listens on port {bound}", flush=True)
    ended.wait()
    server.stop(GRACE_SECONDS).wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
