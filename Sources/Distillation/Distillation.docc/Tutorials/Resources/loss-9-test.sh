swift test -c release --package-path my-loss
