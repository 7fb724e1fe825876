"""What people ask a store: filters, order and pages as ClickHouse's SQL, figures of a report."""
