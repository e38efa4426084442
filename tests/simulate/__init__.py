"""Mirror sites on paper: a day of traffic after PyPI's published figures, balanced by the product's own rule."""
