"""Packets from the wire: the interfaces of this machine, heard through the kernel's packet rings."""
