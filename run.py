"""steadypose: python run.py --camera 0."""

if __name__ == "__main__":
    from steadypose.start import main

    main()
