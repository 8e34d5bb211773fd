"""The tables of the books and the database's own rules for them, as numbered revisions.

``upgrade`` brings books to the revision of this version; ``rules`` makes the triggers. To change the schema, add a
revision under ``versions`` that rests on the last one, name it in ``upgrade.LATEST``, and change the tables where
they are queried; a revision that was ever released is never edited. docs/BOOKS.md shows how.
"""
