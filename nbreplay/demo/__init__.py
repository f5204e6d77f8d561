"""The shipped notebook, its weather, and a tour of what nbreplay does with them."""
