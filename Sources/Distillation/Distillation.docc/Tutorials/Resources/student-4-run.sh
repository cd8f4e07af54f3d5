swift run -c release --package-path first-student
ls teacher.png
