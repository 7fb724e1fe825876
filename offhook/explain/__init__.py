"""`--explain`: why there is no call, or no RTP, in plain words and with evidence."""
