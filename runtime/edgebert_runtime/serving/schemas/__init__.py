"""What requests and responses look like, as JSON Schema, and the check of a request by it.

A schema here is all there is of a request's form: the check reads it, and the OpenAPI file has it.
"""
