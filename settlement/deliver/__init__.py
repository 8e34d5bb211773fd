"""Files of settled nights on their way to partners, and what partners say they have."""
