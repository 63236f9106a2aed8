"""Who is calling, and the tokens that say so.

Here live the principals, the verification of every kind of token that Backstage knows (user, limited user, plugin,
static, legacy, foreign key sets), the guest sign-in for development, and the keys with which we sign. Verification
fetches key sets lazily and remembers what it proved. What a caller may do is decided in ``backstage_py.permissions``;
HTTP lives in ``backstage_py.http``.
"""
