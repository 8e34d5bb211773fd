"""What would be: a contract with other values over past nights, and what differs between two contracts."""
