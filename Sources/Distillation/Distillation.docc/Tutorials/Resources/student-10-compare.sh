swift run -c release --package-path first-student
ls student/one_step.json student.png comparison.png
