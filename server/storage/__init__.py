"""What is kept: tables, migrations and repositories behind one `Database`, chosen by URL.

Tables, drivers and SQL stay inside this package; everybody else sees `Database`, the repositories of an open
transaction and their frozen values. It knows no password, no key in clear and no price: it keeps what it gets.
"""
