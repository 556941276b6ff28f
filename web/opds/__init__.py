"""The library as OPDS catalogues: 1.2, in Atom, under `/opds`, and 2.0, in JSON, under `/opds/v2`.

`feeds` says what each feed holds, `atom` and `publications` write it down in the one form and the other, `views` lets
readers in and answers what is unchanged without asking for more than a list of ids.
"""
