"""The close of contract periods as finance operations do it: what is due, the checklist, and the page of a close."""
