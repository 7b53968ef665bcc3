"""Reports as a document that is rendered as text, HTML and Markdown."""
