// swift-tools-version: 6.3
import PackageDescription

// A package of its own, so that users of SwiftBrush never resolve a web server.
let package = Package(
    name: "playground",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "playground", targets: ["Playground"])],
    dependencies: [
        .package(name: "swift-brush", path: "../.."),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        .executableTarget(
            name: "Playground",
            dependencies: [
                "CPlaygroundMalloc",
                .product(name: "DiffusionModels", package: "swift-brush"),
                .product(name: "Tensor", package: "swift-brush"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            resources: [.copy("Page")]),
        .systemLibrary(name: "CPlaygroundMalloc"),
    ],
    swiftLanguageModes: [.v6]
)
