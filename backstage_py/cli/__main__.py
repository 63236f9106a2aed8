from backstage_py.cli.entry import main

main()
