// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "first-student",
    platforms: [.macOS(.v15)],
    dependencies: [.package(url: "https://github.com/swift-brush/swift-brush", branch: "main")],
    targets: [
        .executableTarget(
            name: "first-student",
            dependencies: [
                .product(name: "DiffusionModels", package: "swift-brush"),
                .product(name: "Distillation", package: "swift-brush"),
            ])
    ]
)
