// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "my-loss",
    platforms: [.macOS(.v15)],
    products: [.library(name: "MyLoss", targets: ["MyLoss"])],
    dependencies: [.package(url: "https://github.com/swift-brush/swift-brush", branch: "main")],
    targets: [
        .target(name: "MyLoss", dependencies: [.product(name: "Distillation", package: "swift-brush")]),
        .testTarget(
            name: "MyLossTests",
            dependencies: ["MyLoss", .product(name: "DistillationTesting", package: "swift-brush")]),
    ],
    swiftLanguageModes: [.v6]
)
