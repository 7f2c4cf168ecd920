"""What a mesh asks of Linux: namespaces to stand in, processes to start and wait for, links and addresses. No mesh words here."""
