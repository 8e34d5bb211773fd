"""Evidence over the books: each night is sealed, seals are chained, and anybody can look whether they hold.

``seal`` makes a night's seal of the rows that ``rows`` reads; ``verify_books`` looks at all of it, and is a program of
its own that needs only Python; ``folder`` takes the books out of a home for those who have it run. docs/EVIDENCE.md
says what is sealed, to the byte.
"""
