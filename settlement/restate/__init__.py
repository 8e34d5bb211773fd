"""The restatement of settled nights under the present rules: replayed from the landed bytes, told as differences."""
