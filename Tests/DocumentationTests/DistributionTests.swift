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
            #expect(named.count == 4)
            for package in named { #expect(installed.contains(package), "\(package)") }
        }
    }
}
