swift run -c release --package-path first-student
