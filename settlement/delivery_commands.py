"""``settle deliveries``: what goes to partners, where each file stands, re-sends, and acknowledgements."""
