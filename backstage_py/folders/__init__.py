"""What a folder holds, as a manifest and blobs: looked at, packed, sent, and made anew somewhere else.

``tree`` looks at a folder, ``manifest`` says what it held, ``packing`` finds what changed and packs its contents into
blobs, ``restoring`` makes an empty folder of both, ``changing`` makes another folder the same, with only the blobs that
hold what is new there; ``receiving`` checks what comes from somebody who is not trusted.

What is restored stays within its folder, whatever the manifest says. Where blobs are kept is the business of others:
``scaffolder.snapshots`` keeps them in the database, ``scaffolder.executors`` sends them to pods.
"""
