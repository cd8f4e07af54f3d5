// swift-tools-version: 6.3
import PackageDescription

// A package of its own, so that users of SwiftBrush never resolve what only benchmarks need.
let package = Package(
    name: "swift-brush-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-brush", path: ".."),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        // One part of a model, timed run by run: our side of `Benchmarks/compare`.
        .executableTarget(
            name: "measure",
            dependencies: [
                .product(name: "Distillation", package: "swift-brush"),
                .product(name: "DiffusionModels", package: "swift-brush"),
                .product(name: "Autograd", package: "swift-brush"),
                .product(name: "Tensor", package: "swift-brush"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        // One operation at a time: `swift package --disable-sandbox benchmark`.
        .executableTarget(
            name: "Kernels",
            dependencies: [
                .product(name: "Tensor", package: "swift-brush"),
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Kernels",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    ],
    swiftLanguageModes: [.v6]
)
