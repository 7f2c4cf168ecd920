"""tcp-echo: answers each line with a prefix in front. `python -m tcp_echo 9000,9001 hello`."""
