// swift-tools-version: 6.1
import Foundation
import PackageDescription

let package = Package(
    name: "swift-brush",
    platforms: [.macOS(.v15)],
    products: [
        // MARK: - Libraries
        .library(name: "Tensor", targets: ["Tensor"]),
        .library(name: "Autograd", targets: ["Autograd"]),
        .library(name: "DiffusionModels", targets: ["DiffusionModels"]),
        .library(name: "Distillation", targets: ["Distillation"]),
        .library(name: "Training", targets: ["Training"]),
        .library(name: "Evaluation", targets: ["Evaluation"]),
        .library(name: "DistillationTesting", targets: ["DistillationTesting"]),

        // MARK: - Examples
        .executable(name: "text-to-image", targets: ["text-to-image"]),
        .executable(name: "train-teacher", targets: ["train-teacher"]),
        .executable(name: "distill", targets: ["distill"]),
        .executable(name: "inspect", targets: ["inspect"]),
        .executable(name: "verify-checkpoint", targets: ["verify-checkpoint"]),
        .executable(name: "loss-contracts", targets: ["loss-contracts"]),
        .executable(name: "new-loss", targets: ["new-loss"]),
        .executable(name: "compare-losses", targets: ["compare-losses"]),
        .executable(name: "evaluate", targets: ["evaluate"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        // MARK: - System libraries
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
        .systemLibrary(
            name: "CLAPACKE", pkgConfig: "lapacke", providers: [.apt(["liblapacke-dev"]), .brew(["lapack"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
        .systemLibrary(
            name: "CTurboJPEG", pkgConfig: "libturbojpeg",
            providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
        .systemLibrary(
            name: "CLibZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"]), .brew(["libzip"])]),

        // MARK: - Libraries, each on top of those before it
        .target(name: "CTensorKernels", exclude: ["Kernels"]),
        .target(name: "Tensor", dependencies: ["CTensorKernels", "CZlib"]),
        .target(name: "Autograd", dependencies: ["Tensor", "CTensorKernels"]),
        .target(name: "DiffusionModels", dependencies: ["Autograd", "CPNG", "CTurboJPEG"]),
        .target(name: "Distillation", dependencies: ["DiffusionModels"]),
        .target(name: "Training", dependencies: ["Distillation"]),
        .target(
            name: "Evaluation",
            dependencies: ["DiffusionModels", "COpenBLAS", "CLAPACKE", "CLibZip"]),
        .target(name: "DistillationTesting", dependencies: ["Distillation"]),

        // MARK: - Examples
        .target(
            name: "SwiftBrushCommands",
            dependencies: ["DiffusionModels", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Examples/Shared", exclude: ["README.md"]),
        .executableTarget(
            name: "text-to-image",
            dependencies: ["DiffusionModels", "SwiftBrushCommands"],
            path: "Examples/text-to-image"),
        .executableTarget(
            name: "train-teacher",
            dependencies: ["Training", "SwiftBrushCommands"],
            path: "Examples/train-teacher"),
        .executableTarget(
            name: "distill",
            dependencies: ["Distillation", "SwiftBrushCommands"],
            path: "Examples/distill"),
        .executableTarget(
            name: "inspect",
            dependencies: ["DiffusionModels", "SwiftBrushCommands"],
            path: "Examples/inspect"),
        .executableTarget(
            name: "verify-checkpoint",
            dependencies: ["DiffusionModels", "SwiftBrushCommands"],
            path: "Examples/verify-checkpoint"),
        .executableTarget(
            name: "loss-contracts",
            dependencies: ["DistillationTesting", "SwiftBrushCommands"],
            path: "Examples/loss-contracts"),
        .executableTarget(name: "new-loss", dependencies: ["DistillationTesting"], path: "Examples/new-loss"),
        .executableTarget(
            name: "compare-losses",
            dependencies: ["DistillationTesting", "SwiftBrushCommands"],
            path: "Examples/compare-losses"),
        .executableTarget(
            name: "evaluate",
            dependencies: ["Evaluation", "SwiftBrushCommands"],
            path: "Examples/evaluate"),

        // MARK: - Tests
        .target(name: "TestFixtures", dependencies: ["Tensor"], path: "Tests/TestFixtures"),
        .testTarget(name: "TensorTests", dependencies: ["Tensor", "CTensorKernels", "TestFixtures"]),
        .testTarget(name: "AutogradTests", dependencies: ["Autograd", "TestFixtures"]),
        .testTarget(name: "DiffusionModelsTests", dependencies: ["DiffusionModels", "TestFixtures"]),
        .testTarget(name: "DistillationTests", dependencies: ["Distillation", "TestFixtures"]),
        .testTarget(name: "TrainingTests", dependencies: ["Training", "TestFixtures"]),
        .testTarget(name: "DistillationTestingTests", dependencies: ["DistillationTesting"]),
        .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "TestFixtures"]),
        .testTarget(
            name: "DocumentationTests",
            dependencies: ["DiffusionModels", "DistillationTesting", "TestFixtures"]),
        .executableTarget(
            name: "SwiftBrushFuzzing", dependencies: ["Evaluation", "Training", "TestFixtures"], path: "Tests/Fuzzing",
            exclude: ["Corpus"]),
        .executableTarget(name: "SwiftBrushThreadChecks", dependencies: ["Autograd"], path: "Tests/ThreadChecks"),
        .testTarget(name: "FuzzingTests", dependencies: ["SwiftBrushFuzzing", "TestFixtures"]),
    ],
    swiftLanguageModes: [.v6]
)

// Documentation is built with `DOCUMENTATION=1 swift package generate-documentation`; users of the libraries never resolve the plugin.
if ProcessInfo.processInfo.environment["DOCUMENTATION"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}
