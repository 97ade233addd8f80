{
  description = "FPSO System API: the open register of what is aboard an FPSO";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";

  outputs =
    { nixpkgs, ... }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      forEachSystem =
        each: nixpkgs.lib.genAttrs systems (system: each nixpkgs.legacyPackages.${system});
    in
    {
      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShellNoCC {
          packages = [
            pkgs.python313
            pkgs.uv
            pkgs.postgresql_18
            pkgs.traefik
            pkgs.docker-compose
            pkgs.gnumake
          ];

          # `make up` and `make test` then run these programs. Wheels carry binaries
          # that look for a C++ runtime outside the store.
          env = {
            PYTHON = "${pkgs.python313}/bin/python3.13";
            FPSO_PG_BIN = "${pkgs.postgresql_18}/bin";
            UV_PYTHON_DOWNLOADS = "never";
          }
          // pkgs.lib.optionalAttrs pkgs.stdenv.isLinux {
            LD_LIBRARY_PATH = pkgs.lib.makeLibraryPath [ pkgs.stdenv.cc.cc.lib ];
          };
        };
      });
    };
}
