"""What recipes and the command line share: steps from files to files, and stages that are not done twice."""
