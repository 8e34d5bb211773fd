"""Settlement of co-branded and affinity cards: from landed files to partners' money, with evidence."""

__version__ = "0.1.0"
