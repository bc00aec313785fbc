"""A simulated organisation on AWS, its logs, and attacks on it with labels. See __main__.py."""
