"""grpc-echo: a gRPC service that answers with the message and the replica's name. `python -m grpc_echo 7070`.

The method is `/echo.Echo/Echo`, from `google.protobuf.StringValue` to the same, so that no generated code is needed.
"""
