"""`offhook up`: capture, stages, sink and a served store in one process, over a log in a file."""
