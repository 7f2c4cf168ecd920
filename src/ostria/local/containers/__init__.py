"""One container, as the kubelet has it: its image as a command, its environment, volumes and log, probes, and its starts and ends (`run`)."""
