from backstage_py.cli.main import main

main()
