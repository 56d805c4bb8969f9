"""Write the files."""

from openapi.files import FILES

for path, contents in FILES.items():
    path.write_text(contents())
