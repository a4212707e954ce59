"""The interactive picture of a graph: a page, a notebook cell, and the JavaScript that draws it."""
