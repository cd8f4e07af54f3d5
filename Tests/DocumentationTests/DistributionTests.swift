import Foundation
import SwiftBrushTestFixtures
import Testing

/// Checks the files for other services against the manifest.
@Suite("Distribution files")
struct DistributionTests {
    private let manifest: String

    init() throws { manifest = try Self.text("Package.swift") }

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: Fixtures.package.appending(path: path), encoding: .utf8)
    }

    @Test("The Swift Package Index documents every library product, and nothing else")
    func documentation() throws {
        let products = manifest.matches(of: /\.library\(name: "([^"]+)"/).map { String($0.1) }
        let targets = try Self.text(".spi.yml").matches(of: /\n +- (\w+)(?=\n)/).map { String($0.1) }
        #expect(products.count == 8)
        #expect(targets == products)
    }

    @Test("The setup script installs the packages that the manifest's system libraries name")
    func systemLibraries() throws {
        let setup = try Self.text("Scripts/setup")
        let kinds = [
            (named: #/\.apt\(\["([^"]+)"\]\)/#, installed: #/\npackages=\((.*)\)/#),
            (named: #/\.brew\(\["([^"]+)"\]\)/#, installed: #/brew install (.*)/#),
        ]
        for kind in kinds {
            let installed = try #require(setup.firstMatch(of: kind.installed)).1.split(separator: " ")
            let named = manifest.matches(of: kind.named).map(\.1)
            #expect(named.count == 5)
            for package in named {
                // MPI's only with --mpi.
                let isInstalled = package.contains("mpi") ? setup.contains(package) : installed.contains(package)
                #expect(isInstalled, "\(package)")
            }
        }
    }

    @Test(
        "Manifests, README, setup script and CI name one version of Swift, and all code is compiled in its language mode 6"
    )
    func swiftVersion() throws {
        let version = try #require(manifest.firstMatch(of: /^\/\/ swift-tools-version: (\d\.\d)\n/)).1
        #expect(manifest.contains("swiftLanguageModes: [.v6]"))
        for path in [
            "Benchmarks/Package.swift", "Examples/loss-template/Package.swift",
            "Sources/Distillation/Distillation.docc/ExtendingSwiftBrush.md",
            "Examples/playground/Package.swift",
        ] {
            #expect(try Self.text(path).contains("// swift-tools-version: \(version)\n"), "\(path)")
        }
        let named = [
            "README.md": "Needs Swift \(version) or later", "CONTRIBUTING.md": "machine with Swift \(version).",
            "Scripts/setup": "Swift \(version) or later is needed",
            ".github/workflows/ci.yml": "container: swift:\(version)-",
        ]
        for (path, text) in named { #expect(try Self.text(path).contains(text), "\(path)") }
    }

    @Test("README, the page on extending and the loss template depend on this package in the same way")
    func dependency() throws {
        let line = /\.package\(url: "https:\/\/github\.com\/swift-brush\/swift-brush", (?:branch|from): "[^"]+"\)/
        let lines = try [
            "README.md", "Sources/Distillation/Distillation.docc/ExtendingSwiftBrush.md",
            "Examples/loss-template/Package.swift",
        ].map {
            try #require(try Self.text($0).firstMatch(of: line)).0
        }
        #expect(Set(lines).count == 1)
    }
}
