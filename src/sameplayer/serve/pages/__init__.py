"""The pages for people: query, review, persons, history and pilot."""
