git clone https://github.com/swift-brush/swift-brush
swift-brush/Scripts/setup
