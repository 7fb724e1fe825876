"""The store of call records: ClickHouse, as a server or (chDB) inside of this process."""
