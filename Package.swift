// swift-tools-version: 6.3
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
        .library(name: "SwiftBrushRuntime", targets: ["SwiftBrushRuntime"]),
        .library(name: "SwiftBrushTeachers", targets: ["SwiftBrushTeachers"]),
        .library(name: "SwiftBrushEvaluation", targets: ["SwiftBrushEvaluation"]),
        .library(name: "DistillationTesting", targets: ["DistillationTesting"]),

        // MARK: - Examples
        .executable(name: "text-to-image", targets: ["SwiftBrushTextToImage"]),
        .executable(name: "train-teacher", targets: ["SwiftBrushTrainTeacher"]),
        .executable(name: "train-lora", targets: ["SwiftBrushTrainLoRA"]),
        .executable(name: "distill", targets: ["SwiftBrushDistill"]),
        .executable(name: "distill-guidance", targets: ["SwiftBrushDistillGuidance"]),
        .executable(name: "inspect", targets: ["SwiftBrushInspect"]),
        .executable(name: "verify-checkpoint", targets: ["SwiftBrushVerifyCheckpoint"]),
        .executable(name: "loss-contracts", targets: ["SwiftBrushLossContracts"]),
        .executable(name: "new-loss", targets: ["SwiftBrushNewLoss"]),
        .executable(name: "compare-losses", targets: ["SwiftBrushCompareLosses"]),
        .executable(name: "evaluate", targets: ["SwiftBrushEvaluate"]),
    ],
    traits: [
        .trait(name: "MPI", description: "Trainings on many processes, started by MPI's mpirun or by Slurm.")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        // MARK: - System libraries
        .systemLibrary(name: "CSwiftBrushZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(
            name: "CSwiftBrushPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
        .systemLibrary(
            name: "CSwiftBrushTurboJPEG", pkgConfig: "libturbojpeg",
            providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
        .systemLibrary(
            name: "CSwiftBrushLibZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"]), .brew(["libzip"])]),
        // Open MPI or MPICH, as Debian's alternatives say.
        .systemLibrary(
            name: "CSwiftBrushMPI", pkgConfig: "mpi", providers: [.apt(["libopenmpi-dev"]), .brew(["open-mpi"])]),

        // MARK: - Libraries, each on top of those before it
        .target(name: "CTensorKernels", exclude: ["Kernels", "README.md"]),
        .target(name: "Tensor", dependencies: ["CTensorKernels", "CSwiftBrushZlib"], exclude: ["README.md"]),
        .target(name: "Autograd", dependencies: ["Tensor"], exclude: ["README.md"]),
        .target(
            name: "DiffusionModels", dependencies: ["Autograd", "CSwiftBrushPNG", "CSwiftBrushTurboJPEG"],
            exclude: ["README.md"]),
        .target(
            name: "SwiftBrushRuntime",
            dependencies: [
                "DiffusionModels", .target(name: "CSwiftBrushMPI", condition: .when(traits: ["MPI"])),
            ], exclude: ["README.md"]),
        .target(name: "Distillation", dependencies: ["DiffusionModels", "SwiftBrushRuntime"], exclude: ["README.md"]),
        .target(name: "SwiftBrushTeachers", dependencies: ["SwiftBrushRuntime"], exclude: ["README.md"]),
        .target(
            name: "SwiftBrushEvaluation",
            dependencies: ["DiffusionModels", "CSwiftBrushLibZip"],
            exclude: ["README.md"]),
        .target(name: "DistillationTesting", dependencies: ["Distillation"], exclude: ["README.md"]),

        // MARK: - Examples
        .target(
            name: "SwiftBrushCommands",
            dependencies: [
                "DiffusionModels", "SwiftBrushRuntime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Examples/Shared", exclude: ["README.md"]),
        .executableTarget(
            name: "SwiftBrushTextToImage",
            dependencies: ["DiffusionModels", "SwiftBrushCommands"],
            path: "Examples/text-to-image"),
        .executableTarget(
            name: "SwiftBrushTrainTeacher",
            dependencies: ["SwiftBrushTeachers", "SwiftBrushCommands"],
            path: "Examples/train-teacher"),
        .executableTarget(
            name: "SwiftBrushTrainLoRA",
            dependencies: ["SwiftBrushTeachers", "SwiftBrushCommands"],
            path: "Examples/train-lora"),
        .executableTarget(
            name: "SwiftBrushDistill",
            dependencies: ["Distillation", "SwiftBrushEvaluation", "SwiftBrushCommands"],
            path: "Examples/distill"),
        .executableTarget(
            name: "SwiftBrushDistillGuidance",
            dependencies: ["Distillation", "SwiftBrushCommands"],
            path: "Examples/distill-guidance"),
        .executableTarget(
            name: "SwiftBrushInspect",
            dependencies: ["DiffusionModels", "SwiftBrushCommands"],
            path: "Examples/inspect"),
        .executableTarget(
            name: "SwiftBrushVerifyCheckpoint",
            dependencies: ["DiffusionModels", "SwiftBrushCommands"],
            path: "Examples/verify-checkpoint"),
        .executableTarget(
            name: "SwiftBrushLossContracts",
            dependencies: ["DistillationTesting", "SwiftBrushCommands"],
            path: "Examples/loss-contracts"),
        .executableTarget(
            name: "SwiftBrushNewLoss",
            dependencies: ["DistillationTesting", "SwiftBrushCommands"],
            path: "Examples/new-loss"),
        .executableTarget(
            name: "SwiftBrushCompareLosses",
            dependencies: ["DistillationTesting", "SwiftBrushCommands"],
            path: "Examples/compare-losses"),
        .executableTarget(
            name: "SwiftBrushEvaluate",
            dependencies: ["SwiftBrushEvaluation", "SwiftBrushCommands"],
            path: "Examples/evaluate"),

        // MARK: - Tests
        .target(
            name: "SwiftBrushTestFixtures", dependencies: ["SwiftBrushRuntime", "Tensor"], path: "Tests/TestFixtures"),
        .target(name: "SwiftBrushTestTraits", dependencies: ["Tensor"], path: "Tests/TestTraits"),
        .testTarget(
            name: "TensorTests",
            dependencies: ["Tensor", "CTensorKernels", "SwiftBrushTestFixtures", "SwiftBrushTestTraits"]),
        .testTarget(
            name: "AutogradTests", dependencies: ["Autograd", "SwiftBrushTestFixtures", "SwiftBrushTestTraits"]),
        .testTarget(
            name: "DiffusionModelsTests",
            dependencies: ["DiffusionModels", "SwiftBrushTestFixtures", "SwiftBrushTestTraits"]),
        .testTarget(
            name: "DistillationTests", dependencies: ["Distillation", "SwiftBrushTestFixtures", "SwiftBrushTestTraits"]),
        .testTarget(
            name: "SwiftBrushTeachersTests",
            dependencies: ["SwiftBrushTeachers", "SwiftBrushTestFixtures", "SwiftBrushTestTraits"]),
        .testTarget(name: "DistillationTestingTests", dependencies: ["DistillationTesting"]),
        .testTarget(
            name: "SwiftBrushEvaluationTests",
            dependencies: ["SwiftBrushEvaluation", "SwiftBrushTestFixtures", "SwiftBrushTestTraits"]),
        .testTarget(
            name: "DocumentationTests",
            dependencies: [
                "DiffusionModels", "DistillationTesting", "SwiftBrushTeachers", "SwiftBrushEvaluation",
                "SwiftBrushTestFixtures",
            ]),
        .testTarget(
            name: "ExampleTests",
            dependencies: [
                "SwiftBrushTextToImage", "SwiftBrushTrainTeacher", "SwiftBrushTrainLoRA", "SwiftBrushDistill",
                "SwiftBrushDistillGuidance", "SwiftBrushInspect",
                "SwiftBrushVerifyCheckpoint", "SwiftBrushLossContracts", "SwiftBrushNewLoss", "SwiftBrushCompareLosses",
                "SwiftBrushEvaluate", "SwiftBrushCommands", "SwiftBrushTestFixtures",
            ]),
        .executableTarget(
            name: "SwiftBrushFuzzing",
            dependencies: ["Distillation", "SwiftBrushEvaluation", "SwiftBrushTeachers", "SwiftBrushTestFixtures"],
            path: "Tests/Fuzzing",
            exclude: ["Corpus"]),
        .executableTarget(
            name: "SwiftBrushThreadChecks", dependencies: ["DiffusionModels", "Distillation"],
            path: "Tests/ThreadChecks"),
        .executableTarget(
            name: "SwiftBrushWrongCalls",
            dependencies: [
                "DistillationTesting", "SwiftBrushEvaluation", "SwiftBrushTeachers", "SwiftBrushTestFixtures",
            ],
            path: "Tests/WrongCalls"),
        .testTarget(name: "FuzzingTests", dependencies: ["SwiftBrushFuzzing", "SwiftBrushTestFixtures"]),
    ],
    swiftLanguageModes: [.v6]
)

// For `Scripts/build-documentation`; users of the libraries never resolve the plugin.
if ProcessInfo.processInfo.environment["DOCUMENTATION"] != nil {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}
