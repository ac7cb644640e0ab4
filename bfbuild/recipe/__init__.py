"""Recipes: the types (model), how they are read (loader), what needs what (graph). Pure: no tool runs here."""
