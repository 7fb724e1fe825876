"""The report as one page of HTML: nothing is fetched, nothing runs, pictures are SVG in the page."""
