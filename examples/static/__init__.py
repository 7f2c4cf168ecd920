"""A static page: what `nginx:alpine` stands for in a mesh without images. `python -m static 80 [FOLDER]`."""
