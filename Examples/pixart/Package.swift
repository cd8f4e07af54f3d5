// swift-tools-version: 6.3
import PackageDescription

// A package of its own: the network uses only what every user of SwiftBrush can use.
let package = Package(
    name: "pixart",
    platforms: [.macOS(.v15)],
    products: [.library(name: "PixArt", targets: ["PixArt"])],
    dependencies: [.package(name: "swift-brush", path: "../..")],
    targets: [
        .target(
            name: "PixArt",
            dependencies: [
                .product(name: "Autograd", package: "swift-brush"),
                .product(name: "DiffusionModels", package: "swift-brush"),
                .product(name: "Tensor", package: "swift-brush"),
            ]),
        .testTarget(
            name: "PixArtTests",
            dependencies: ["PixArt", .product(name: "Distillation", package: "swift-brush")],
            resources: [.copy("Fixture")]),
    ],
    swiftLanguageModes: [.v6]
)
