"""What each API operation needs: IAM actions, resources and the condition keys that the request gives.

One module per service with rules of its own, `plain` for those whose operations map one to one. After the Service
Authorization Reference. An operation that is in no table is an error that names it.
"""
