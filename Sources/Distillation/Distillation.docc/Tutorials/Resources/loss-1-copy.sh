git clone https://github.com/swift-brush/swift-brush
swift-brush/Scripts/setup
cp -R swift-brush/Examples/loss-template my-loss
